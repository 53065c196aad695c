"""The report page of a run: one HTML file, made from what lies in its workdir."""
