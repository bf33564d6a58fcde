"""Small programs that show how Abaca is used. Each runs as it stands."""
