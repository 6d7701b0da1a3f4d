"""Reports: what was found, as a document (document.py), and the forms it is written in."""
