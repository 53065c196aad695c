"""The trainings and runs behind the tables and the figure of the paper."""
