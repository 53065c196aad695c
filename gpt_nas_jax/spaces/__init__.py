"""Search spaces: genome to network and back."""
