"""What the pages of tokens share: a person's for the API, and an organisation's that read."""

from datetime import datetime, timedelta

from django import forms


class TokenForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=80, help_text="To tell it apart, such as the machine."
    )
    days = forms.ChoiceField(
        label="Ends",
        choices=[("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"), ("", "never")],
        required=False,
        initial="90",
    )

    def ends_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["days"]
        return now + timedelta(days=int(days)) if days else None
