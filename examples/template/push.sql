-- Pushes a template document:  psql -v document="$(cat template.json)" -v activate=true -f push.sql
SELECT template_version_id
FROM jsonb_to_record(:'document'::jsonb)
         AS t (organization text, template text, version text, provisioner text,
               presets jsonb, definition jsonb, parameters jsonb),
     LATERAL prebuilds_push_template(organization => t.organization, template => t.template,
                                     version => t.version, presets => t.presets,
                                     definition => t.definition, parameters => t.parameters,
                                     provisioner => t.provisioner, activate => :'activate'::boolean);
