module tlsservers

go 1.22
