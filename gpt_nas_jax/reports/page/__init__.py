"""The report page of a run: one HTML file, made from the files in its workdir."""
