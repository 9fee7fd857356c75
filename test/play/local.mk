## Plays: whole sessions against a scripted PostgreSQL and a fake clock.
