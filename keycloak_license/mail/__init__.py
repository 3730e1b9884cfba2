"""How notices reach people: their words, SMTP, and webhooks."""
