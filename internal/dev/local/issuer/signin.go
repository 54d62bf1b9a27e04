package issuer

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
)

const signInPath = "/sign-in"

//go:embed signin.html
var signInHTML string

var signInPage = template.Must(template.New("sign-in").Parse(signInHTML))

// page lists the people. The request that they answer is in the query.
func (i *Issuer) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	// What can fail here is the caller's connection.
	_ = signInPage.Execute(w, map[string]any{"Request": r.URL.Query().Get("id"), "People": People()})
}

// signIn notes who it is and sends the browser on to the library's callback.
func (i *Issuer) signIn(callback func(context.Context, string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PostFormValue("id")
		if err := i.storage.signIn(id, r.PostFormValue("person")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusSeeOther)
	}
}
