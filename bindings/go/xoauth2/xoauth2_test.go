package xoauth2_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/oauth2"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/countersigntest"
	"github.com/countersign/countersign-go/xoauth2"
)

func TestOAuth2SendsTheToken(t *testing.T) {
	sent := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		sent <- request.Header.Get("Authorization")
	}))
	defer server.Close()
	source := xoauth2.TokenSource(context.Background(), countersigntest.StaticSource("one"))
	response, err := oauth2.NewClient(context.Background(), source).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if header := <-sent; header != "Bearer one" {
		t.Error(header)
	}
}

func TestTheContextAndErrorsReachTheCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fake := countersigntest.StaticSource("one")
	source := xoauth2.TokenSource(ctx, fake)
	fake.Fail(&countersign.Error{Verdict: countersign.VerdictReauthorize})
	if _, err := source.Token(); !errors.Is(err, countersign.ErrReauthorize) {
		t.Error(err)
	}
	cancel()
	if _, err := source.Token(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTheWholeTokenIsConverted(t *testing.T) {
	sandbox := countersigntest.NewSandbox(t)
	ctx := context.Background()
	docusign, err := xoauth2.TokenSource(ctx, sandbox.Client("docusign-jwt")).Token()
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(docusign.Expiry); in < 59*time.Minute || in > 61*time.Minute || docusign.Type() != "Bearer" {
		t.Errorf("it expires in %s", in)
	}
	if docusign.Extra("scope") != "signature impersonation" {
		t.Errorf("the scope is %v", docusign.Extra("scope"))
	}
	// Without an expiry, oauth2 would never renew the token.
	salesforce, err := xoauth2.TokenSource(ctx, sandbox.Client("salesforce-jwt")).Token()
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(salesforce.Expiry); in <= 10*time.Second || in > time.Minute {
		t.Errorf("it expires in %s", in)
	}
	if url, _ := salesforce.Extra("instance_url").(string); url == "" {
		t.Error("no instance_url")
	}
}
