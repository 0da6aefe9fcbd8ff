// Package countersign gets access tokens for server-side integrations (DocuSign, Salesforce, BoldSign and others)
// and keeps them valid: it signs the assertion, posts the form, and says what to do about what the vendor answers. A
// refresh token that the vendor replaces is stored before the access token that came with it is handed out. It is a
// thin layer over libcountersign.
//
//	client, err := countersign.Load("docusign")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	token, err := client.AccessToken(ctx)
//
// A [Client] is an [golang.org/x/oauth2.TokenSource], so that oauth2.NewClient takes it. [Client.HTTPClient] does
// more: it gets another token where an API answers 401, and repeats the request once.
//
// Any number of goroutines may use one client; at most one token request is under way at a time, among them and among
// the processes that share the connection's store.
//
// Every error that the library reports is an [*Error]. Its [Verdict] says what to do about it.
//
// # Linking
//
// By default the shared library is found by pkg-config, under the name countersign. With the build tag
// countersign_static the static library becomes part of the program; the module's archive brings it for linux/amd64.
// Either way the package needs cgo: CGO_ENABLED=1 and a C compiler.
package countersign
