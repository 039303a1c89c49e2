# An undo that all who are there refuse is still owed to who is away.
> fleet 3
> join n0 runs=v2 generation=1
ready n0
> join n1 runs=v2 generation=1
ready n1
> join n2 runs=v2 generation=1
ready n2
> leave n1
> leave n2
> wait 30000
> open op2 sync_all kind=undo leaving=v2 to=v1
ADMITTED: 1 of 3 reachable, need 0
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v1
op2 is preparing
> n0 no op2 NO_PREVIOUS
write op2 COMMIT
op2 is preparing
> written op2
write op2 SUCCEEDED
op2 is soaking
> join n1 runs=v2 generation=1
ready n1
