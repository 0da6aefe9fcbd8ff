package countersign_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/countersigntest"
)

func ExampleNew() {
	client, err := countersign.New(countersign.Settings{
		"provider":      "boldsign",
		"environment":   "us",
		"grant":         "client-credentials",
		"client_id":     "c61f8ff3-8b8e-4d4e-9e0f-7b6c4f7e9a10",
		"client_secret": "from your secret manager",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println("no request was sent")
	// Output: no request was sent
}

func ExampleError() {
	_, err := countersign.New(countersign.Settings{"provder": "boldsign"})
	var failure *countersign.Error
	if errors.Is(err, countersign.ErrFixConfiguration) && errors.As(err, &failure) {
		fmt.Println(failure.Kind, failure.Setting)
	}
	// Output: setting provder
}

// Waits as long as the server asks for.
func ExampleError_RetryAfter() {
	token := func(ctx context.Context, source countersign.TokenSource) (*countersign.Token, error) {
		for {
			token, err := source.Token(ctx)
			var failure *countersign.Error
			if !errors.As(err, &failure) || !failure.Retryable() {
				return token, err
			}
			wait, known := failure.RetryAfter()
			if !known {
				wait = 30 * time.Second
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	got, err := token(context.Background(), countersigntest.StaticSource("fake"))
	fmt.Println(got.AccessToken(), err)
	// Output: fake <nil>
}

func ExampleClient_Token() {
	client, err := countersign.Load("docusign")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	token, err := client.Token(context.Background(), countersign.MinValid(5*time.Minute))
	if errors.Is(err, countersign.ErrReauthorize) {
		log.Fatal("somebody must log in: ", err)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.ExpiresAt())
}

// The API rejects the first token.
func ExampleTransport() {
	api := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		fmt.Println("the API received", request.Header.Get("Authorization"))
		if request.Header.Get("Authorization") != "Bearer second" {
			response.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()

	// In a program, the source is a *countersign.Client.
	source := countersigntest.StaticSource("first", "second")
	browser := http.Client{Transport: &countersign.Transport{Source: source, Origins: []string{api.URL}}}
	response, err := browser.Get(api.URL + "/envelopes")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// the API received Bearer first
	// the API received Bearer second
	// 200 OK
}

func ExampleKey_Sign() {
	made, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalPKCS8PrivateKey(made)
	key, err := countersign.ReadKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "")
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	token, err := key.Sign([]byte(`{"iss":"somebody"}`), countersign.SignOptions{Type: "JWT"})
	if err != nil {
		log.Fatal(err)
	}
	payload, err := key.Verify("ES256", token)
	fmt.Println(string(payload), err)
	_, err = key.Verify("ES256", token[:len(token)-4])
	fmt.Println(errors.Is(err, countersign.ErrVerification))
	// Output:
	// {"iss":"somebody"} <nil>
	// true
}
