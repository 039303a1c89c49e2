# C10: there is no room for OPEN. It is refused, nobody was asked, and the next one has the same
# generation. Where there is none for COMMIT, lockstepd stops: crash-votes.story.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> not-written op1
op1 is refused
> open op2 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v2
send n1 op2 PREPARE v2
op2 is preparing
