// Reads documents with Go's encoding/json and prints the results.
//
// Standard input has, for each document, a line "KIND LENGTH", then LENGTH bytes and a newline. Standard
// output has, for each document, a line "ok FACTS" (one JSON value) or "error TEXT".
//
// The structs are those of the OCI image-spec (specs-go) and of moby (image, api/types/container), with the
// fields that imgfs reads and their neighbours. Facts leave out the difference between nil and empty.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"
)

// A time that keeps its text. It is rejected if time.Time rejects it.
type date string

func (d *date) UnmarshalJSON(text []byte) error {
	var checked time.Time
	if err := checked.UnmarshalJSON(text); err != nil {
		return err
	}
	return json.Unmarshal(text, (*string)(d))
}

type platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Data         []byte            `json:"data,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

type versioned struct {
	SchemaVersion int `json:"schemaVersion"`
}

type index struct {
	versioned
	MediaType    string            `json:"mediaType,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Manifests    []descriptor      `json:"manifests"`
	Subject      *descriptor       `json:"subject,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	versioned
	MediaType    string            `json:"mediaType,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Config       descriptor        `json:"config"`
	Layers       []descriptor      `json:"layers"`
	Subject      *descriptor       `json:"subject,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type imageConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
	ArgsEscaped  bool                `json:"ArgsEscaped,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created    *date  `json:"created,omitempty"`
	CreatedBy  string `json:"created_by,omitempty"`
	Author     string `json:"author,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"empty_layer,omitempty"`
}

type image struct {
	Created *date  `json:"created,omitempty"`
	Author  string `json:"author,omitempty"`
	platform
	Config  imageConfig `json:"config,omitempty"`
	RootFS  rootFS      `json:"rootfs"`
	History []history   `json:"history,omitempty"`
}

type healthcheck struct {
	Test     []string      `json:",omitempty"`
	Interval time.Duration `json:",omitempty"`
	Retries  int           `json:",omitempty"`
}

type containerConfig struct {
	Healthcheck *healthcheck `json:",omitempty"`
	Shell       []string     `json:",omitempty"`
}

type dockerImage struct {
	Config *containerConfig `json:"config,omitempty"`
}

type archived struct {
	Config   string
	RepoTags []string
	Layers   []string
}

type marker struct {
	Version string `json:"imageLayoutVersion"`
}

type facts map[string]any

func list(strings []string) []string {
	return append([]string{}, strings...)
}

func keys(set map[string]struct{}) []string {
	names := []string{}
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func table(entries map[string]string) map[string]string {
	if entries == nil {
		return map[string]string{}
	}
	return entries
}

func day(d *date) string {
	if d == nil {
		return ""
	}
	return string(*d)
}

func ofDescriptor(d descriptor) facts {
	var on any
	if p := d.Platform; p != nil {
		on = facts{"architecture": p.Architecture, "os": p.OS, "variant": p.Variant}
	}
	return facts{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size, "urls": list(d.URLs),
		"annotations": table(d.Annotations), "platform": on, "artifactType": d.ArtifactType,
		"data": base64.StdEncoding.EncodeToString(d.Data)}
}

func ofSubject(d *descriptor) any {
	if d == nil {
		return nil
	}
	return ofDescriptor(*d)
}

func ofDescriptors(ds []descriptor) []facts {
	all := []facts{}
	for _, d := range ds {
		all = append(all, ofDescriptor(d))
	}
	return all
}

func ofImage(i image) facts {
	c := i.Config
	lines := []facts{}
	for _, h := range i.History {
		lines = append(lines, facts{"created": day(h.Created), "created_by": h.CreatedBy,
			"author": h.Author, "comment": h.Comment, "empty_layer": h.EmptyLayer})
	}
	return facts{"created": day(i.Created), "author": i.Author, "architecture": i.Architecture,
		"os": i.OS, "os.version": i.OSVersion, "os.features": list(i.OSFeatures), "variant": i.Variant,
		"config": facts{"User": c.User, "ExposedPorts": keys(c.ExposedPorts), "Env": list(c.Env),
			"Entrypoint": list(c.Entrypoint), "Cmd": list(c.Cmd), "Volumes": keys(c.Volumes),
			"WorkingDir": c.WorkingDir, "Labels": table(c.Labels), "StopSignal": c.StopSignal},
		"rootfs":  facts{"type": i.RootFS.Type, "diff_ids": list(i.RootFS.DiffIDs)},
		"history": lines}
}

func ofDocker(i dockerImage) facts {
	test, shell := []string{}, []string{}
	if c := i.Config; c != nil {
		shell = list(c.Shell)
		if c.Healthcheck != nil {
			test = list(c.Healthcheck.Test)
		}
	}
	return facts{"test": test, "shell": shell}
}

func read(kind string, text []byte) (any, error) {
	switch kind {
	case "index":
		var v index
		err := json.Unmarshal(text, &v)
		return facts{"schemaVersion": v.SchemaVersion, "mediaType": v.MediaType,
			"artifactType": v.ArtifactType, "manifests": ofDescriptors(v.Manifests),
			"subject": ofSubject(v.Subject), "annotations": table(v.Annotations)}, err
	case "manifest":
		var v manifest
		err := json.Unmarshal(text, &v)
		return facts{"schemaVersion": v.SchemaVersion, "mediaType": v.MediaType,
			"artifactType": v.ArtifactType, "config": ofDescriptor(v.Config),
			"layers":  ofDescriptors(v.Layers),
			"subject": ofSubject(v.Subject), "annotations": table(v.Annotations)}, err
	case "image":
		var v image
		err := json.Unmarshal(text, &v)
		return ofImage(v), err
	case "docker":
		var v dockerImage
		err := json.Unmarshal(text, &v)
		return ofDocker(v), err
	case "archive":
		var v []archived
		err := json.Unmarshal(text, &v)
		all := []facts{}
		for _, a := range v {
			all = append(all, facts{"Config": a.Config, "RepoTags": list(a.RepoTags),
				"Layers": list(a.Layers)})
		}
		return all, err
	case "marker":
		var v marker
		err := json.Unmarshal(text, &v)
		return v.Version, err
	case "any":
		var v any
		err := json.Unmarshal(text, &v)
		return v, err
	}
	panic(kind)
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		var kind string
		var length int
		if _, err := fmt.Fscanf(in, "%s %d\n", &kind, &length); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
		text := make([]byte, length+1)
		if _, err := io.ReadFull(in, text); err != nil {
			panic(err)
		}
		value, err := read(kind, text[:length])
		if err != nil {
			fmt.Fprintln(out, "error", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		line, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(out, "ok", string(line))
	}
}
