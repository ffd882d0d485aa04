"""The connection inspector: what the kernel tells of the broker's process. Copied to the broker's host; Python 3.8.

    __main__, options -> server -> service -> answer -> finding -> broker -> cgroups, limits, at_port, command_line
                                                |                    |
                                                +-> descriptors      +-> cpu -> holders
                                                +-> names            +-> by_kernel -> netlink
                                                                     +-> by_proc, where there is no sock_diag

A plain rpyc_classic, which the original test used, is sent what `answer` needs, by its client.
"""
