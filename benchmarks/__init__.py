"""What nnefx costs: parsing and checking, opening, starting; beside the Khronos parser."""
