"""The course as a program: `python -m lecturekit lab | run | test | mutants | refresh`."""
