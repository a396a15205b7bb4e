"""An assessment on disk and on a page: files, report, pictures."""
