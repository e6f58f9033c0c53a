"""The client beside other ways to read the same lists: cost of a page, and use of a limit.

Run it with ``python -m benchmarks.peers``. What the peers need is installed into a virtual
environment of their own, in a folder that is kept for the next run; code that is generated from the
documented OpenAPI goes there too. A peer that cannot be made is named and left out.

The first table: each peer is a process of its own, as its users would write it (one session, a
connection for every stream, typed rows where the library has them), and reads the same pages from
nginx. The peers take turns, in an order drawn anew each time; each turn begins with 64 pages that
are not measured, and the first round warms up. Those with an event loop take part twice: in
asyncio's own and in uvloop. A figure is the process' CPU time divided by the pages, the median over
the rounds. Peak memory is that of the process over the whole run, interpreter and imports included.

The second table: each peer is started anew, reads one page, and says what that took; and what its
users install goes into an empty folder, which is weighed, without compiled files.

The third table: each peer reads the lists of a sandbox of its own, which allows 20 queries a
second and answers after 80 ms, for 20 s; all peers at the same time, one way of counting after the
other. A cell is the use of the limit in % / the 429s met, as the sandbox counted them.
"""
