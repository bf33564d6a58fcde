"""Pictures and tables as text of SVG and HTML: numbers in, markup out. Whatever comes from users is escaped here."""
