// Package tap is what the programs of runtime-tools print their results with. The one that they were written for,
// github.com/mndrix/tap-go, is no package of Debian; this has the methods that they call.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T counts what was printed.
type T struct {
	printed *int
	todo    bool
}

// New starts to count.
func New() *T { return &T{printed: new(int)} }

// Todo is for results that are not expected to be good.
func (t *T) Todo() *T { return &T{printed: t.printed, todo: true} }

// Header opens the stream; the plan comes at the end when planned is 0.
func (t *T) Header(planned int) {
	fmt.Println("TAP version 13")
	if planned > 0 {
		fmt.Printf("1..%d\n", planned)
	}
}

func (t *T) print(result, description string) {
	*t.printed++
	if t.todo {
		description = "# TODO " + description
	}
	fmt.Printf("%s %d - %s\n", result, *t.printed, strings.ReplaceAll(description, "\n", " "))
}

// Ok prints one result.
func (t *T) Ok(passed bool, description string) {
	if passed {
		t.print("ok", description)
	} else {
		t.print("not ok", description)
	}
}

// Pass prints one that is good.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail prints one that is bad.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip prints results that there are not.
func (t *T) Skip(count int, description string) {
	for range count {
		t.print("ok", "# SKIP "+description)
	}
}

// AutoPlan ends the stream that had no plan.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", *t.printed) }

// Diagnostic prints lines that are no results.
func (t *T) Diagnostic(message string) {
	for _, line := range strings.Split(strings.TrimRight(message, "\n"), "\n") {
		fmt.Println("#", line)
	}
}

// Diagnosticf prints formatted ones.
func (t *T) Diagnosticf(format string, arguments ...any) { t.Diagnostic(fmt.Sprintf(format, arguments...)) }

// YAML prints a block with details; JSON is YAML, too.
func (t *T) YAML(details any) error {
	text, err := json.MarshalIndent(details, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
