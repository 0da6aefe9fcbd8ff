package countersigntest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/countersigntest"
)

// envelopes is a function of the program to test.
func envelopes(ctx context.Context, tokens countersign.TokenSource, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &countersign.Transport{Source: tokens}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return response.Status, nil
}

func ExampleStaticSource() {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		fmt.Println("the API received", request.Header.Get("Authorization"))
	}))
	defer api.Close()
	fmt.Println(envelopes(context.Background(), countersigntest.StaticSource("fake"), api.URL))
	// Output:
	// the API received Bearer fake
	// 200 OK <nil>
}

// What does the program do if nobody has logged in?
func ExampleSource_Fail() {
	source := countersigntest.StaticSource("fake")
	source.Fail(&countersign.Error{Kind: countersign.KindNoToken, Verdict: countersign.VerdictReauthorize})
	_, err := envelopes(context.Background(), source, "https://api.example.com")
	fmt.Println(errors.Is(err, countersign.ErrReauthorize))
	// Output: true
}
