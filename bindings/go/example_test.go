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
	"time"

	"golang.org/x/oauth2"

	countersign "github.com/countersign/countersign-go"
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
	if errors.As(err, &failure) {
		fmt.Println(failure.Verdict, failure.Setting)
	}
	// Output: fix_configuration provder
}

// The verdict says what to do about an error.
func ExampleVerdictOf() {
	token := func(ctx context.Context, client *countersign.Client) (string, error) {
		for {
			token, err := client.AccessToken(ctx)
			var failure *countersign.Error
			if countersign.VerdictOf(err) != countersign.VerdictRetry || !errors.As(err, &failure) {
				return token, err
			}
			select {
			case <-time.After(max(failure.RetryAfter, time.Second)):
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	_ = token
}

func ExampleClient_Token() {
	client, err := countersign.Load("docusign")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	http := oauth2.NewClient(context.Background(), client)
	_, _ = http.Get("https://demo.docusign.net/restapi/v2.1/login_information")
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
	// Output: {"iss":"somebody"} <nil>
}
