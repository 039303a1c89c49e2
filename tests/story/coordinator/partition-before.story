# N1: a link is cut before the vote. sync_all ends at its deadline, without the node; no time that has
# passed is a YES.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 sync_all version=v2
ADMITTED: 3 of 3 reachable, need 3
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
> leave n2
> wait 2000
write op1 ABORT
op1 is preparing
> written op1
send n0 op1 abort
send n1 op1 abort
op1 is aborted
# A quorum goes on with two of three, and owes it to the third.
> join n2
ready n2
> open op2 quorum version=v2
ADMITTED: 3 of 3 reachable, need 2
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v2
send n1 op2 PREPARE v2
send n2 op2 PREPARE v2
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
op2 is preparing
> leave n2
> wait 2000
op1 is over
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
op2 is committing
> n0 applied op2
op2 is committing
> n1 applied op2
write op2 SUCCEEDED
op2 is soaking
> written op2
op2 is succeeded-partial
> join n2
ready n2
send n2 op2 PREPARE v2
> n2 yes op2
send n2 op2 commit
op2 is succeeded-partial
> n2 applied op2
op2 is succeeded
