"""From a table of predictions to a folder with report, numbers, tables, figures, checklist and model card."""
