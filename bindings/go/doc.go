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
// [Client.HTTPClient] adds the token to requests. If an API responds with 401, it gets a new token and
// repeats the request once.
//
// Any number of goroutines may use one client. At most one token request is in flight among them
// and among the processes that share the connection's store.
//
// A function that needs tokens should take a [TokenSource]: a [Client], or a fake of the package
// countersigntest in its unit tests. The package xoauth2 is for libraries that take an
// oauth2.TokenSource.
//
// # Errors
//
// The library's errors are [*Error]. The [Verdict] says what to do, and errors.Is finds it:
//
//	if errors.Is(err, countersign.ErrReauthorize) {
//		// A person must act.
//	}
//
// If a context ends, the error is the context's.
//
// # Linking
//
// By default, the package links the static library, which the module's archive contains for
// linux/amd64. With the build tag countersign_shared, it links the shared library that pkg-config
// finds as countersign. The package uses cgo: it needs CGO_ENABLED=1 and a C compiler.
package countersign
