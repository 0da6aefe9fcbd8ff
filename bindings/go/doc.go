// Package countersign gets access tokens for server-side integrations (DocuSign, Salesforce, BoldSign and others)
// and keeps them valid: it signs the assertion, posts the form, understands what the vendor answers, and never loses
// a refresh token. It is a thin layer over libcountersign.
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
// Any number of goroutines may use one client; at most one request per connection is under way, whoever asks.
//
// Every error that the library reports is an [*Error]. Its [Verdict] says what to do about it.
//
// # Linking
//
// By default the shared library is found by pkg-config, under the name countersign. With the build tag
// countersign_static the static library becomes part of the program; the module's archive brings it for linux/amd64.
package countersign
