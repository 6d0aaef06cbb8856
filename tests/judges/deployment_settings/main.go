// Reads the deployment settings of a stack from standard input into Pulumi's own types, as `pulumi deployment settings
// push` does, and fails for a field that they do not have. Pulumi itself ignores such a field.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"gopkg.in/yaml.v3"
)

func main() {
	decoder := yaml.NewDecoder(os.Stdin)
	decoder.KnownFields(true)
	var file struct {
		Settings apitype.DeploymentSettings `yaml:"settings"`
	}
	if err := decoder.Decode(&file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
