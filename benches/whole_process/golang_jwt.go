// KEY COUNT: golang-jwt as its documentation has it, with the key read once.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		panic(err)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	var token string
	for number := 0; number < count; number++ {
		claims := jwt.MapClaims{"iss": "app", "sub": "joe", "aud": "https://login.example", "iat": 1700000000, "exp": 1700003600, "jti": strconv.Itoa(number)}
		token, err = jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
		if err != nil {
			panic(err)
		}
	}
	fmt.Println(token)
}
