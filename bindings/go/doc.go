// Package countersign gets access tokens for server-side integrations with DocuSign, Salesforce,
// BoldSign and others, and keeps them valid. It signs assertions, sends token requests, and says
// what to do about errors. A rotated refresh token is stored before its access token is returned.
// The package wraps libcountersign.
//
//	client, err := countersign.Load("docusign")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	token, err := client.AccessToken(ctx)
//
// A [Client] is a [golang.org/x/oauth2.TokenSource] that works with oauth2.NewClient.
// [Client.HTTPClient] also gets a new token if an API responds with 401, and repeats the request
// once.
//
// Any number of goroutines may use one client. At most one token request is in flight among them
// and among the processes that share the connection's store.
//
// The library's errors are [*Error]. The [Verdict] says what to do.
//
// # Linking
//
// By default, the package links the static library, which the module's archive contains for
// linux/amd64. With the build tag countersign_shared, it links the shared library that pkg-config
// finds as countersign. The package uses cgo: it needs CGO_ENABLED=1 and a C compiler.
package countersign
