// Command infra is Latchkey on AWS, as a CDK app. `npx cdk synth` and `npx cdk deploy`
// run it from the project's root; cdk.json holds its settings.
//
// Trust: whoever deploys this stack can do everything that it can.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// builds is where `make build` leaves the functions' binaries.
const builds = ".build"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	settings, err := readSettings(app.Node())
	if err != nil {
		return err
	}
	if _, err := newStack(app, settings, builds); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}
