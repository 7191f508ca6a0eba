import sys

try:
    from lecturekit.course.cli import main

    code = main()
except KeyboardInterrupt:  # while that was imported
    print("\nInterrupted.", file=sys.stderr)
    code = 130
sys.exit(code)
