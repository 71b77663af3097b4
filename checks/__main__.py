"""`python -m checks` is `gradcheck`."""

from checks.cli import main

if __name__ == "__main__":
    main()
