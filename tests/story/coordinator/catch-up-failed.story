# A node is given late what it missed, and it does not hold there: it is owed it again, and asked after a
# pause that grows; what it falls back from as well as what fails at once.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> leave n2
> open op1 quorum version=v2 max-fail=1
ADMITTED: 2 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
# While the window runs.
> join n2
ready n2
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is succeeded-partial
> n2 fell-back op1 FELL_BACK
op1 is succeeded-partial
> wait 6000
write op1 FINAL
op1 is succeeded-partial
> written op1
send n0 op1 FINAL
send n1 op1 FINAL
op1 is succeeded-partial
# And when it is over.
> wait 55000
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is succeeded-partial
> n2 failed op1 CRASHED runs=v1
op1 is succeeded-partial
> wait 119000
send n2 op1 PREPARE v2
> wait 2000
> n2 yes op1
send n2 op1 commit
op1 is succeeded-partial
> n2 applied op1
send n2 op1 FINAL
op1 is succeeded
