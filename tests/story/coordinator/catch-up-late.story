# Who is owed the version and returns just before the others' commit deadline has a time of its own.
> fleet 5 
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> leave n4
> open op1 quorum version=v2 max-fail=0
ADMITTED: 4 of 5 reachable, need 3
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
op1 is preparing
> n3 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
send n3 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> n2 applied op1
op1 is committing
# the absent node returns just before the commit deadline of 1500; n3 is only slow
> wait 1400
send n3 op1 commit
send n3 op1 commit
send n3 op1 commit
> join n4
ready n4
send n4 op1 PREPARE v2
> n4 yes op1
send n4 op1 commit
op1 is committing
> n3 applied op1
op1 is committing
> wait 200
write op1 SUCCEEDED
op1 is soaking
