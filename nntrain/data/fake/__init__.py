"""Made-up rows for configs whose data is not there: files as the source reads them, with the columns that the fields name."""
