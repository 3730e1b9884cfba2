"""The License Management screen and the JSON API: the only room that knows FastAPI, Authlib and HTML."""
