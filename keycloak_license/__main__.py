"""`python -m keycloak_license` and the console script."""

from keycloak_license.cli.main import main

if __name__ == "__main__":
    main()
