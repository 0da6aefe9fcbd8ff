package xoauth2_test

import (
	"context"
	"fmt"
	"log"

	"golang.org/x/oauth2"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/xoauth2"
)

func ExampleTokenSource() {
	client, err := countersign.Load("docusign")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	response, err := oauth2.NewClient(ctx, xoauth2.TokenSource(ctx, client)).Get("https://account-d.docusign.com/oauth/userinfo")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
}
