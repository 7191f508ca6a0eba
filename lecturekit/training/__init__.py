"""The only training loop of the project, `fit`, and around it: where batches come from, one round of the game, all state
of a training in progress, checkpoints, precision, several processes, and what was logged."""
