# N2: a link is cut after YES. When it is back the node asks, and is told what all were told: it is late,
# never different.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 quorum version=v2
ADMITTED: 3 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
write op1 COMMIT
op1 is preparing
> leave n2
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> wait 1500
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
> join n2 open=op1
send n2 op1 commit
op1 is succeeded-partial
answer n2 op1 commit
ready n2
> n2 applied op1
op1 is succeeded
