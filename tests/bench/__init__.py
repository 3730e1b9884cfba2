"""How fast a sync is, against asking each user in turn; `make bench`."""
