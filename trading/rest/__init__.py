"""REST under `/api/v1/`: a way in beside the socket, with its words, its codes, its limits and its door."""
