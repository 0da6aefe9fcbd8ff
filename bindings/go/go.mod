module github.com/countersign/countersign-go

go 1.24.0

require golang.org/x/oauth2 v0.32.0
