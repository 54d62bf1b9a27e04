package reminder_test

import (
	"strings"

	"latchkey/internal/dev/local"
	"latchkey/internal/notice"
	"latchkey/internal/token"
)

// living picks a token that works, or nil.
func (w *model) living() *history {
	var all []*history
	for _, h := range w.sorted() {
		if h.revoked == 0 && w.today() < h.ExpiresOn {
			all = append(all, h)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return pick(w.random, all)
}

// rotateSome has a token's owner replace its secret.
func (w *model) rotateSome() {
	h := w.living()
	if h == nil {
		return
	}
	w.acts(h.owner)
	days := 1 + w.random.IntN(120)
	r := token.RotateRequest{ExpiresInDays: &days}
	old := &rotation{on: w.today(), oldEnd: h.ExpiresOn}
	if last := h.rotation; last != nil && !last.used && w.today() < last.oldEnd {
		version := h.Rotation.Version
		r.Replace, old.oldEnd = &version, last.oldEnd
	}
	issued, err := w.rotator().Rotate(w.t.Context(), h.owner.Principal, string(h.ID), r)
	if err != nil {
		w.t.Fatal(err)
	}
	h.Token, h.rotation = issued.Token, old
}

// useSome has a token used.
func (w *model) useSome() {
	h := w.living()
	if h == nil {
		return
	}
	w.used(h.ID, false)
	if h.rotation != nil {
		h.rotation.used = true
	}
}

// cancelSome has an unused new secret taken back.
func (w *model) cancelSome() {
	h := w.living()
	if h == nil || h.rotation == nil || h.rotation.used || w.today() >= h.rotation.oldEnd {
		return
	}
	w.acts(h.owner)
	shown, err := w.rotator().Cancel(w.t.Context(), h.owner.Principal, string(h.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	h.Token, h.rotation = shown.Token, nil
}

// topicOf finds what an e-mail says about a token, by the heading that it stands under.
func topicOf(m local.Mail, id token.ID) notice.Topic {
	topic := notice.Topic("")
	for line := range strings.Lines(m.Text) {
		switch {
		case strings.HasPrefix(line, "Expire"):
			topic = notice.Ends
		case strings.HasPrefix(line, "New API token not used"), strings.HasPrefix(line, "Old API token ended"):
			topic = notice.NotUsed
		case strings.HasPrefix(line, "Revoked"):
			topic = notice.Topic(notice.Revoked)
		}
		if strings.Contains(line, string(id)) {
			return topic
		}
	}
	return ""
}
