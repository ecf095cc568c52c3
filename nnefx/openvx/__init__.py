"""OpenVX as a target: lowering to a Plan, and what is made of one."""
