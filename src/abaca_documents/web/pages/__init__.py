"""The pages of the dashboard about documents: the list with its search, and one document."""

from abaca_documents.web.pages import acting, one, shelf

PAGES = (*shelf.PAGES, *one.PAGES, *acting.PAGES)
