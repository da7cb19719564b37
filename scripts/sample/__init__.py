"""Parts of the sample data: log templates, their variable fields, line formats, preprocessing."""
