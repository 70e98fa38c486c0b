"""Files in and out.

In: `mapping.py` says where each field comes from, `source.py` and `workbook.py` make a CSV or XLSX file a
table of text, `reading.py` reads its fields, `compare.py` sets them against what is stored, `store.py`
stores, and `importing.py` does all of it in one transaction. `sections.py` is the list of what can be
imported: a new section is one entry there. `measurements.py` and `regimens.py` find or create what a mapping
names and all trials share: assays with their biomarkers, regimens with their agents.
"""
