// Package bundle makes one script and one stylesheet of the page's sources in
// internal/console/assets. What it makes is committed beside them, in
// internal/console/bundle, so that whoever builds or deploys the functions needs Go alone
// and no function links esbuild; a test here makes it anew and compares.
package bundle

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// browsers is what the page is written for: a browser that lacks a part of it refuses the
// script as a whole, and the page then says that it can't start.
const browsers = api.ES2022

// entries are the files to make, each with the source that it begins at.
var entries = []api.EntryPoint{
	{InputPath: "boot.js", OutputPath: "boot"},
	{InputPath: "main.js", OutputPath: "page"},
	{InputPath: "page.css", OutputPath: "page"},
}

// Make returns the files by name, from the checkout in the folder root and its
// node_modules. The same sources give the same bytes.
func Make(root string) (map[string][]byte, error) {
	assets, err := filepath.Abs(filepath.Join(root, "internal/console/assets"))
	if err != nil {
		return nil, fmt.Errorf("finding the sources: %w", err)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:       assets,
		EntryPointsAdvanced: entries,
		Outdir:              assets, // named only; nothing is written
		Bundle:              true,
		Format:              api.FormatIIFE,
		Target:              browsers,
		Charset:             api.CharsetUTF8,
		LegalComments:       api.LegalCommentsInline, // those that begin with an exclamation mark
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		MinifySyntax:        true,
		LogLevel:            api.LogLevelSilent, // they are in the result
	})
	var faults []error
	for _, m := range append(result.Errors, result.Warnings...) {
		place := ""
		if m.Location != nil {
			place = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		faults = append(faults, errors.New(place+m.Text))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("bundling the page: %w", errors.Join(faults...))
	}
	files := make(map[string][]byte, len(result.OutputFiles))
	for _, f := range result.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	return files, nil
}
